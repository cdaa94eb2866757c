package guard

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// maxWaiting is how many requests may wait for a fetch at a time. Those with a made-up key wait too, and each takes
// memory.
const maxWaiting = 64

// keySets are those of every issuer, and the requests that wait for one of them.
type keySets struct {
	sets     []*keySet
	interval time.Duration

	places chan struct{} // holds something for every request that waits

	mu    sync.Mutex
	ended chan struct{} // closed when a fetch ends, and made anew
}

func newKeySets(sources []keySource, interval time.Duration) *keySets {
	k := &keySets{interval: interval, places: make(chan struct{}, maxWaiting), ended: make(chan struct{})}
	for _, source := range sources {
		k.sets = append(k.sets, &keySet{keySource: source, asked: make(chan struct{}, 1)})
	}
	return k
}

// ready says that there is a key set. One provider that is down must not keep the users of another one out.
func (k *keySets) ready() bool {
	return slices.ContainsFunc(k.sets, func(s *keySet) bool { return s.keys.Load() != nil })
}

// run keeps the key sets up to date until the context ends.
func (k *keySets) run(ctx context.Context, b Background) {
	client := &http.Client{
		Transport:     b.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for _, s := range k.sets {
		go s.run(ctx, client, k.interval, func(fetch KeySetFetch) {
			k.wake()
			fetch.Oldest = k.oldest()
			b.KeySet(fetch)
		})
	}
}

// wake has those who wait look again.
func (k *keySets) wake() {
	k.mu.Lock()
	defer k.mu.Unlock()
	close(k.ended)
	k.ended = make(chan struct{})
}

// oldest says when the key set that is in use longest was fetched; zero where one was never fetched.
func (k *keySets) oldest() time.Time {
	var oldest time.Time
	for i, s := range k.sets {
		if _, fetched := s.age(); i == 0 || fetched.Before(oldest) {
			oldest = fetched
		}
	}
	return oldest
}

// issuerKeys are the keys of one name in the key set of one issuer.
type issuerKeys struct {
	issuer string
	keys   []jwt.VerificationKey
}

// look returns the keys of that name, one entry for each issuer that has some.
func (k *keySets) look(name keyName) []issuerKeys {
	var found []issuerKeys
	for _, s := range k.sets {
		if known := s.keys.Load(); known != nil && (*known)[name] != nil {
			found = append(found, issuerKeys{s.issuer, (*known)[name]})
		}
	}
	return found
}

// find returns the keys of that name. For a name that is not known the key sets are fetched again, and a few requests
// may wait for that, no longer than their clients do.
func (k *keySets) find(r *http.Request, name keyName) ([]issuerKeys, *RefusalError) {
	if found := k.look(name); found != nil {
		return found, nil
	}
	until := k.ask()
	if _, pending := k.pending(until); pending {
		readAhead(r) // before a place is taken, which a slow body would hold
		select {
		case k.places <- struct{}{}:
			defer func() { <-k.places }()
		default:
			return nil, refuse(UnknownKey, "the key set has no key %.100q for %s, and %d requests wait for another one",
				name.id, name.alg, maxWaiting)
		}
	}
	for {
		ended, pending := k.pending(until)
		if found := k.look(name); found != nil {
			return found, nil
		}
		if !pending {
			k.ask() // the fetch that has just ended may have begun before the key was published
			return nil, k.unknown(name)
		}
		select {
		case <-ended:
		case <-r.Context().Done():
			return nil, refuse(UnknownKey, "the client left before the key set was fetched again")
		}
	}
}

// maxAhead is how much of a body is read ahead, in bytes: more than requests for tokens have.
const maxAhead = 16 << 10

// readAhead reads the request's body, and puts it back to be read again. Only behind the end of the body does net/http
// notice that the client has left, and end the request's context.
func readAhead(r *http.Request) {
	text, _ := io.ReadAll(io.LimitReader(r.Body, maxAhead)) // an error comes again to whoever reads on
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(text), r.Body), r.Body}
}

// ask has every key set fetched again. The key may be anybody's: the token's issuer is not read before its key is
// known.
func (k *keySets) ask() (until []int) {
	until = make([]int, len(k.sets))
	for i, s := range k.sets {
		until[i] = s.ask()
	}
	return until
}

// pending says whether fewer fetches have ended than that. It returns a channel that is closed when the next one ends.
func (k *keySets) pending(until []int) (ended <-chan struct{}, pending bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, s := range k.sets {
		fetches, _ := s.age()
		pending = pending || fetches < until[i]
	}
	return k.ended, pending
}

// choose returns the keys of the token's own issuer, because two issuers may have given their keys the same name. If
// only another issuer has a key of that name, the key set of the token's issuer is fetched again.
func (k *keySets) choose(found []issuerKeys, issuer any, name keyName) (issuerKeys, *RefusalError) {
	for _, f := range found {
		if f.issuer == issuer {
			return f, nil
		}
	}
	for _, s := range k.sets {
		if s.issuer != "" && s.issuer == issuer {
			s.ask()
			return issuerKeys{}, refuse(UnknownKey, "the key set of %s has no key %.100q for %s", s, name.id, name.alg)
		}
	}
	return found[0], nil // after it is verified, check refuses it for its issuer, unless any issuer is taken
}

// unknown refuses a token by a key that is not known.
func (k *keySets) unknown(name keyName) *RefusalError {
	for _, s := range k.sets {
		if s.keys.Load() == nil {
			return refuse(KeysUnavailable, "the key set of %s was not fetched yet", s)
		}
	}
	return refuse(UnknownKey, "the key set has no key %.100q for %s", name.id, name.alg)
}

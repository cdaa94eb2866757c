package handler

import "videosdk-auth-endpoint/signer"

// problem is the answer to every request that fails, whatever the reason.
type problem struct {
	Errors   []fault `json:"errors"`
	Warnings []fault `json:"warnings,omitempty"`
}

// fault names what is wrong: a property of the request, or the part of the HTTP request that is to blame.
type fault struct {
	Property string `json:"property"`
	Reason   string `json:"reason"`
}

func one(property, reason string) []fault { return []fault{{property, reason}} }

// faultError is the error of a request for which the client is told one fault. It knows its answer, so that the words
// stand where the mistake is found.
type faultError struct {
	status int
	fault
	retryAfter string // seconds; empty where the client need not wait
	cause      error  // for the log; nil where the fault says it all
}

// failed is a faultError without a cause.
func failed(status int, property, reason string) *faultError {
	return &faultError{status: status, fault: fault{property, reason}}
}

func (e *faultError) Error() string {
	text := e.Property + " " + e.Reason
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

func (e *faultError) Unwrap() error { return e.cause }

// warnings say which settings of a request were lost because their names are not known.
func warnings(misnamed []signer.Misnamed) []fault {
	var faults []fault
	for _, m := range misnamed {
		faults = append(faults, fault{m.Got, "is not known: did you mean " + m.Meant + "?"})
	}
	return faults
}

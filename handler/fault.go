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

// warnings say which settings of a request were lost because their names are not known.
func warnings(misnamed []signer.Misnamed) []fault {
	var faults []fault
	for _, m := range misnamed {
		faults = append(faults, fault{m.Got, "is not known: did you mean " + m.Meant + "?"})
	}
	return faults
}

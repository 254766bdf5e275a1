package engine

import (
	"cmp"
	"encoding/json"

	"plumb.cd/plumb/internal/history"
	"plumb.cd/plumb/internal/object"
)

func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// stepOf finds what a deployment did to an object.
func stepOf(ev history.Event, id object.ID) *StepData {
	var d DeploymentData
	if json.Unmarshal(ev.Data, &d) != nil {
		return nil
	}
	for i := range d.Steps {
		if d.Steps[i].Object == id {
			return &d.Steps[i]
		}
	}
	return nil
}

type objectDigest = object.Digest

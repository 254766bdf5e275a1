package health

import "plumb.cd/plumb/internal/object"

// Blame is one object's verdict, for naming the object that decides an App's health.
type Blame struct {
	ID     object.ID `json:"id"`
	Status Status    `json:"status"`
}

// Aggregate gives the worst of them, and of equally bad ones the first in object order, whatever the order given. With none
// it is Healthy and names no object.
func Aggregate(all []Blame) Blame {
	worst := Blame{Status: Status{Level: Healthy}}
	for i, b := range all {
		if i == 0 || b.Status.Level.Worse(worst.Status.Level) ||
			b.Status.Level == worst.Status.Level && b.ID.Compare(worst.ID) < 0 {
			worst = b
		}
	}
	return worst
}

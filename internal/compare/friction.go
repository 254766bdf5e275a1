package compare

import "plumb.cd/plumb/internal/object"

// Friction is how much a person must do before a plan is applied.
type Friction string

const (
	Click     Friction = "none" // a click
	ListThem  Friction = "list" // what is deleted is shown
	TypeAName Friction = "type" // the App's name is typed
)

// largeShare of an App's objects deleted at once is worth typing its name: one in five.
const largeShare = 5

// FrictionOf grows with what is deleted, of the App's objects in all. Objects that are made anew count as deleted.
func FrictionOf(deleted []object.ID, total int) Friction {
	if len(deleted) == 0 {
		return Click
	}
	for _, id := range deleted {
		if Precious(id) {
			return TypeAName
		}
	}
	if len(deleted)*largeShare > total {
		return TypeAName
	}
	return ListThem
}

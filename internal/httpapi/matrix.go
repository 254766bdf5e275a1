package httpapi

// Matrix answers "which version runs where": a row per component, by name. GET /api/v1/apps/matrix?filter=&cursor=&limit=
//
// limit is 1 to 500 components, default 100. Total counts the components that match.
type Matrix struct {
	List[MatrixRow]
	Apps         int          `json:"apps"`         // that match
	Environments []FacetCount `json:"environments"` // of all that match, most Apps first, at most 100; "" is none
	Epoch        string       `json:"epoch"`        // as in AppPage
	Seq          uint64       `json:"seq"`
	Hint         *EmptyHint   `json:"hint,omitempty"` // when nothing matches
}

// MatrixRow is one component.
type MatrixRow struct {
	Component string       `json:"component"`
	Apps      int          `json:"apps"`
	Cells     []MatrixCell `json:"cells"` // by environment, those that have Apps
}

// MatrixCell are the Apps of a component in one environment.
type MatrixCell struct {
	Environment string   `json:"environment,omitempty"`
	Count       int      `json:"count"`
	Apps        []AppRow `json:"apps"` // worst first, at most 4
}

package httpapi

// AppConfig is what an App is told to do: its resource, as people wrote it. GET /api/v1/apps/{namespace}/{name}/config
type AppConfig struct {
	Spec map[string]any `json:"spec"` // of the App resource, defaults filled in
	YAML string         `json:"yaml"` // the resource without its status and without managedFields
}

package v1alpha1

// HealthRule says how objects of a kind fare. It is tried before the built-in rules.
//
// +kubebuilder:validation:XValidation:rule="has(self.cel) != has(self.lua)",message="give either cel or lua"
type HealthRule struct {
	// API group; empty for the core group, "*" for any.
	// +kubebuilder:validation:MaxLength=253
	Group string `json:"group,omitempty"`
	// "*" is any.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Kind string     `json:"kind"`
	CEL  *CELHealth `json:"cel,omitempty"`
	// A script that gets the object as the global obj and returns a table with status and message.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=65536
	Lua string `json:"lua,omitempty"`
}

// CELHealth are expressions over the object, called self. Either level gives the health as a string; or the others give a
// bool, and the first that is true decides, in this order: degraded, suspended, progressing, healthy. When none is, the
// object is Progressing. An expression over a field that is absent is false.
//
// +kubebuilder:validation:XValidation:rule="has(self.level) != (has(self.healthy) || has(self.progressing) || has(self.degraded) || has(self.suspended))",message="give either level, or some of healthy, progressing, degraded and suspended"
type CELHealth struct {
	// +kubebuilder:validation:MaxLength=4096
	Healthy string `json:"healthy,omitempty"`
	// +kubebuilder:validation:MaxLength=4096
	Progressing string `json:"progressing,omitempty"`
	// +kubebuilder:validation:MaxLength=4096
	Degraded string `json:"degraded,omitempty"`
	// +kubebuilder:validation:MaxLength=4096
	Suspended string `json:"suspended,omitempty"`
	// Gives Healthy, Progressing, Degraded, Suspended, Missing or Unknown.
	// +kubebuilder:validation:MaxLength=4096
	Level string `json:"level,omitempty"`
	// Gives the message, a string.
	// +kubebuilder:validation:MaxLength=4096
	Message string `json:"message,omitempty"`
}

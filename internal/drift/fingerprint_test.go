package drift

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestFingerprintTellsWhenNothingIsOurs(t *testing.T) {
	c := capturedCase(t, "settled")
	if _, err := New(testKey, "somebody", Rules{}).Fingerprint(c.Answer); !errors.Is(err, ErrUnowned) {
		t.Fatalf("err = %v", err)
	}
}

func TestANewGenerationOfTheCRDMakesRecordsStale(t *testing.T) {
	c := capturedCase(t, "settled")
	generation := "1"
	f := New(testKey, "plumb", Rules{Schema: func(schema.GroupVersionKind) string { return generation }})
	rec, _ := f.Fingerprint(c.Answer)
	if !same(f, rec, c.Event) {
		t.Fatal("it is taken for changed")
	}
	generation = "2"
	if same(f, rec, c.Event) {
		t.Fatal("it is taken for the same")
	}
}

func TestAnotherKeyGivesAnotherHash(t *testing.T) {
	c := capturedCase(t, "settled")
	a, _ := New([]byte("a"), "plumb", Rules{}).Fingerprint(c.Answer)
	b, _ := New([]byte("b"), "plumb", Rules{}).Fingerprint(c.Answer)
	if a.Hash == b.Hash {
		t.Fatal("equal hashes under different keys")
	}
}

func TestTheHashIsHMAC(t *testing.T) {
	for _, key := range [][]byte{nil, testKey, make([]byte, 64), make([]byte, 100)} {
		p, d := padsOf(key), &digester{}
		d.start(p, &Rules{})
		d.buf = append(d.buf, "message"...)
		got := d.sum(p)
		m := hmac.New(sha256.New, key)
		m.Write([]byte("message"))
		if want := m.Sum(nil); !bytes.Equal(got[:], want[:16]) {
			t.Errorf("key of %d bytes: %x, want %x", len(key), got, want[:16])
		}
	}
}

func TestWithoutManagedFieldsTheWantedFieldsAreHashed(t *testing.T) {
	c := capturedCase(t, "set-image")
	f := New(testKey, "plumb", Rules{})
	for _, u := range []*unstructured.Unstructured{c.Answer, c.Event} {
		u.SetManagedFields(nil)
	}
	rec := f.fingerprintFields(c.Answer, c.Want)
	if f.fingerprintFields(c.Event, c.Want).Hash == rec.Hash {
		t.Fatal("another image is the same")
	}
	web := c.Event.Object["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)["containers"].([]any)[0].(map[string]any)
	web["image"] = "registry.example.com/shop/web:1.4.2"
	if f.fingerprintFields(c.Event, c.Want).Hash != rec.Hash {
		t.Fatal("the same image differs")
	}
}

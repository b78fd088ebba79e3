// Reads a JSON list of texts, and answers for each what Kubernetes reads it as: a quantity in nanos with its canonical
// form, and a duration in nanoseconds; null where it reads none.
package main

import (
	"encoding/json"
	"math/big"
	"os"
	"time"

	"gopkg.in/inf.v0"
	"k8s.io/apimachinery/pkg/api/resource"
)

type answer struct {
	Nanos     *big.Int `json:"nanos"`
	Canonical *string  `json:"canonical"`
	Duration  *int64   `json:"duration"`
}

func main() {
	var texts []string
	if err := json.NewDecoder(os.Stdin).Decode(&texts); err != nil {
		panic(err)
	}
	answers := make([]answer, len(texts))
	for i, text := range texts {
		quoted, err := json.Marshal(text)
		if err != nil {
			panic(err)
		}
		var quantity resource.Quantity
		if err := quantity.UnmarshalJSON(quoted); err == nil {
			canonical := quantity.String()
			answers[i].Canonical = &canonical
			nanos := new(inf.Dec).Mul(quantity.AsDec(), inf.NewDec(1_000_000_000, 0))
			answers[i].Nanos = nanos.Round(nanos, 0, inf.RoundExact).UnscaledBig()
		}
		if duration, err := time.ParseDuration(text); err == nil {
			nanos := int64(duration)
			answers[i].Duration = &nanos
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		panic(err)
	}
}

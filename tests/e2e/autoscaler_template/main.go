// Reads a JSON list of empty auto scaling groups, and answers for each with the node that the autoscaler plans with.
package main

import (
	"encoding/json"
	"math/big"
	"os"

	"gopkg.in/inf.v0"
	apiv1 "k8s.io/api/core/v1"

	"eks-gpu-components/lab/tools/autoscaler/aws"
)

type answer struct {
	Labels      map[string]string   `json:"labels"`
	Taints      [][3]string         `json:"taints"`
	Capacity    map[string]*big.Int `json:"capacity"`
	Allocatable map[string]*big.Int `json:"allocatable"`
	Listed      bool                `json:"listed"`
	Problem     string              `json:"problem"`
}

func main() {
	var groups []aws.Group
	if err := json.NewDecoder(os.Stdin).Decode(&groups); err != nil {
		panic(err)
	}
	answers := make([]answer, len(groups))
	for i, group := range groups {
		node, listed, err := aws.NodeAtZero(group)
		if err != nil {
			answers[i].Problem = err.Error()
			continue
		}
		answers[i] = answer{
			Labels:      node.Labels,
			Capacity:    nanos(node.Status.Capacity),
			Allocatable: nanos(node.Status.Allocatable),
			Listed:      listed,
		}
		for _, taint := range node.Spec.Taints {
			answers[i].Taints = append(answers[i].Taints, [3]string{taint.Key, taint.Value, string(taint.Effect)})
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		panic(err)
	}
}

func nanos(resources apiv1.ResourceList) map[string]*big.Int {
	found := map[string]*big.Int{}
	for name, quantity := range resources {
		exact := new(inf.Dec).Mul(quantity.AsDec(), inf.NewDec(1_000_000_000, 0))
		found[string(name)] = exact.Round(exact, 0, inf.RoundExact).UnscaledBig()
	}
	return found
}

// The nodes that Karpenter plans with: its own resolver of instance types, asked for any node class.
//
// It reads one JSON document from standard input: `region`; `instanceTypes`, as DescribeInstanceTypes returns them; and
// `cases`, each with a `name`, a `nodeClass` (an EC2NodeClass) and the controller's settings. It writes for each case the
// capacity and the allocatable resources of every type, whether the node class may have the type at all, and its labels if
// the case wants them.
// CPU is in thousandths of a core, everything else in bytes or in ones.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	v1 "github.com/aws/karpenter-provider-aws/pkg/apis/v1"
	"github.com/aws/karpenter-provider-aws/pkg/cel"
	"github.com/aws/karpenter-provider-aws/pkg/operator/options"
	"github.com/aws/karpenter-provider-aws/pkg/providers/instancetype"
	"github.com/aws/karpenter-provider-aws/pkg/providers/instancetype/compatibility"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/karpenter/pkg/scheduling"
)

type question struct {
	Region        string                      `json:"region"`
	InstanceTypes []ec2types.InstanceTypeInfo `json:"instanceTypes"`
	Cases         []settings                  `json:"cases"`
}

type settings struct {
	Name                    string          `json:"name"`
	VMMemoryOverheadPercent float64         `json:"vmMemoryOverheadPercent"`
	ReservedENIs            int             `json:"reservedENIs"`
	Labels                  bool            `json:"labels"`
	NodeClass               v1.EC2NodeClass `json:"nodeClass"`
}

type node struct {
	Capacity    map[string]int64  `json:"capacity"`
	Allocatable map[string]int64  `json:"allocatable"`
	Labels      map[string]string `json:"labels,omitempty"`
	Compatible  bool              `json:"compatible"`
}

func main() {
	if err := answer(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// answer writes the nodes of every case by its name.
func answer(from io.Reader, to io.Writer) error {
	var asked question
	decoder := json.NewDecoder(from)
	if err := decoder.Decode(&asked); err != nil {
		return fmt.Errorf("reading the question: %w", err)
	}
	expressions, err := cel.NewEnvironment()
	if err != nil {
		return err
	}
	resolver := instancetype.NewDefaultResolver(asked.Region, expressions)
	answers := map[string]map[string]node{}
	for _, each := range asked.Cases {
		nodes, err := resolved(resolver, asked.InstanceTypes, each)
		if err != nil {
			return fmt.Errorf("case %s: %w", each.Name, err)
		}
		answers[each.Name] = nodes
	}
	return json.NewEncoder(to).Encode(answers)
}

// resolved returns the node of every instance type by the type's name.
func resolved(
	resolver *instancetype.DefaultResolver, infos []ec2types.InstanceTypeInfo, asked settings,
) (map[string]node, error) {
	ctx := options.ToContext(context.Background(), &options.Options{
		VMMemoryOverheadPercent: asked.VMMemoryOverheadPercent,
		ReservedENIs:            asked.ReservedENIs,
	})
	nodeClass := &asked.NodeClass
	kubelet, err := v1.ParseKubeletConfig(nodeClass.KubeletConfiguration())
	if err != nil {
		return nil, err
	}
	nodes := map[string]node{}
	for _, info := range infos {
		found, err := resolver.Resolve(ctx, info, nil, nodeClass, kubelet)
		if err != nil {
			return nil, err
		}
		made := node{
			Capacity:    amounts(found.Capacity),
			Allocatable: amounts(found.Allocatable()),
			Compatible:  compatibility.IsCompatibleWithNodeClass(info, nodeClass, nil),
		}
		if asked.Labels {
			made.Labels = labels(found.Requirements)
		}
		nodes[string(info.InstanceType)] = made
	}
	return nodes, nil
}

func amounts(resources corev1.ResourceList) map[string]int64 {
	found := map[string]int64{}
	for name, quantity := range resources {
		if name == corev1.ResourceCPU {
			found[string(name)] = quantity.MilliValue()
		} else {
			found[string(name)] = quantity.Value()
		}
	}
	return found
}

// labels returns what every node of the type carries: the labels that can have no other value.
func labels(requirements scheduling.Requirements) map[string]string {
	found := map[string]string{}
	for key, requirement := range requirements {
		values := requirement.Values()
		if requirement.Operator() == corev1.NodeSelectorOpIn && len(values) == 1 {
			found[key] = values[0]
		}
	}
	return found
}

// Put beside the autoscaler's own files of this package: a question to what the package keeps to itself.
package aws

import (
	"errors"

	apiv1 "k8s.io/api/core/v1"

	awssdk "k8s.io/autoscaler/cluster-autoscaler/cloudprovider/aws/aws-sdk-go/aws"
	"k8s.io/autoscaler/cluster-autoscaler/cloudprovider/aws/aws-sdk-go/service/autoscaling"
	"k8s.io/autoscaler/cluster-autoscaler/cloudprovider/aws/aws-sdk-go/service/eks"
)

// Group is an empty auto scaling group; Managed is what EKS says of its node group, nil for a group of one's own.
type Group struct {
	Name    string            `json:"name"`
	Zones   []string          `json:"zones"`
	Types   []string          `json:"types"`
	Tags    [][2]string       `json:"tags"`
	Managed *eks.Nodegroup    `json:"managed"`
	Known   map[string]Values `json:"known"`
}

// Values are those of an instance type that the autoscaler's own list lacks.
type Values struct {
	VCPU, MemoryMb, GPU int64
	Architecture        string
}

type onlyEKS struct{ group *eks.Nodegroup }

func (one onlyEKS) DescribeNodegroup(*eks.DescribeNodegroupInput) (*eks.DescribeNodegroupOutput, error) {
	if one.group == nil {
		return nil, errors.New("no such node group")
	}
	return &eks.DescribeNodegroupOutput{Nodegroup: one.group}, nil
}

// NodeAtZero is the node that the autoscaler plans with, and whether its own list has the instance type.
func NodeAtZero(group Group) (*apiv1.Node, bool, error) {
	wrapper := &awsWrapper{eksI: onlyEKS{group.Managed}}
	types := map[string]*InstanceType{}
	for name, values := range group.Known {
		types[name] = &InstanceType{name, values.VCPU, values.MemoryMb, values.GPU, values.Architecture}
	}
	for name, row := range InstanceTypes {
		types[name] = row
	}
	manager := &AwsManager{
		awsService:            *wrapper,
		asgCache:              &asgCache{awsService: wrapper, asgInstanceTypeCache: newAsgInstanceTypeCache(wrapper)},
		instanceTypes:         types,
		managedNodegroupCache: newManagedNodeGroupCache(wrapper),
	}
	made := &asg{
		AwsRef:               AwsRef{Name: group.Name},
		AvailabilityZones:    group.Zones,
		MixedInstancesPolicy: &mixedInstancesPolicy{instanceTypesOverrides: group.Types},
	}
	for _, tag := range group.Tags {
		made.Tags = append(made.Tags, &autoscaling.TagDescription{Key: awssdk.String(tag[0]), Value: awssdk.String(tag[1])})
	}
	info, err := (&AwsNodeGroup{awsManager: manager, asg: made}).TemplateNodeInfo()
	if err != nil {
		return nil, false, err
	}
	_, listed := InstanceTypes[group.Types[0]]
	return info.Node(), listed, nil
}

"""What the lab changes in a program's source before it builds it: a text of a file, and what comes in its stead.

Go builds nothing that lies changed among its modules, so the program's own packages are copied beside a go.mod; all
that they import is built from the modules as their checksums have them.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Patch:
    """Changes of one file."""

    file: str
    """Path in the copied folder."""
    changes: tuple[tuple[str, str], ...]
    """Text that stands in the file exactly once, and what comes in its stead."""
    added: str = ""
    """What the file ends with."""

    def applied(self, text: str) -> str:
        """Raises LookupError where the file is another than the patch was written for."""
        for old, new in self.changes:
            if text.count(old) != 1:
                raise LookupError(f"{self.file} has {text.count(old)} times, and not once: {old.strip()}")
            text = text.replace(old, new)
        return f"{text}{self.added}"


@dataclass(frozen=True)
class Copied:
    """A folder of a module with packages that nothing outside of it imports."""

    module: str
    folder: str
    patches: tuple[Patch, ...]

    def write(self, to: Path, go_mod: Path, module_folder: Callable[[str], Path]) -> Path:
        """Writes a module that has the packages, changed; the folder `to`, where it is built."""
        source, patches = module_folder(self.module) / self.folder, {patch.file: patch for patch in self.patches}
        shutil.rmtree(to, ignore_errors=True)
        to.mkdir(parents=True)
        for file in ("go.mod", "go.sum"):
            shutil.copyfile(go_mod.parent / file, to / file)
        name = go_mod.read_text(encoding="utf-8").splitlines()[0].removeprefix("module ")
        for file in sorted(source.rglob("*.go")):
            path = file.relative_to(source)
            text = file.read_text(encoding="utf-8")
            text = patches.pop(str(path)).applied(text) if str(path) in patches else text
            place = to / self.folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(
                text.replace(f'"{self.module}/{self.folder}/', f'"{name}/{self.folder}/'), encoding="utf-8"
            )
        if patches:
            raise LookupError(f"{self.module}/{self.folder} has no {', '.join(patches)}")
        return to


_MACHINES = Patch(
    "ec2/ec2.go",
    changes=(
        # Which of the overrides EC2 has, the lab's AWS says; the machine is played as before.
        (
            """	for range lo.FromPtr(input.TargetCapacitySpecification.TotalTargetCapacity) {
		ltConfig := input.LaunchTemplateConfigs[0]
""",
            """	asked, err := c.Client.CreateFleet(ctx, c.withReservations(input))
	if err != nil {
		return nil, err
	}
	for _, granted := range asked.Instances {
		ltConfig := grantedConfig(input, granted)
""",
        ),
        (
            """			InstanceId: lo.ToPtr(fmt.Sprintf("i-%s", randomdata.Alphanumeric(17))),
""",
            """			InstanceId: lo.ToPtr(granted.InstanceIds[0]),
""",
        ),
        (
            """		Errors:    nil,
""",
            """		Errors:    asked.Errors,
""",
        ),
        # An instance of a reservation says so as long as it lives; the played EC2 knows no reservations.
        (
            """			CapacityReservationId:                   nil,
			CapacityReservationSpecification:        nil,
""",
            """			CapacityReservationId:                   reservationOf(lt.B),
			CapacityReservationSpecification:        reservedOnly(lt.B),
""",
        ),
        # A kubelet asks until it is registered, by one name. The played EC2 asks for a third of a second, and a machine
        # that a busy API server did not take is gone then, without a word: its claim waits 15 minutes for it.
        (
            """	"k8s.io/client-go/util/retry"
""",
            """	"k8s.io/apimachinery/pkg/util/wait"
""",
        ),
        (
            """			if err := retry.OnError(retry.DefaultBackoff, func(_ error) bool { return true }, func() error {
				return c.kubeClient.Create(launchCtx, c.toNode(ctx, instance))
			}); err != nil {
""",
            """			node := c.toNode(ctx, instance)
			registered := func(ctx context.Context) (bool, error) {
				err := c.kubeClient.Create(ctx, node.DeepCopy())
				if err == nil || k8serrors.IsAlreadyExists(err) {
					return true, nil
				}
				log.FromContext(ctx).Error(err, "unable to register node", "node", node.Name)
				return false, nil
			}
			if err := wait.PollUntilContextCancel(launchCtx, time.Second, true, registered); err != nil {
""",
        ),
        (
            "func (c *Client) TerminateInstances(_ context.Context, input",
            "func (c *Client) TerminateInstances(ctx context.Context, input",
        ),
        (
            """	for _, id := range input.InstanceIds {
		c.instances.Delete(id)
""",
            """	if _, err := c.Client.TerminateInstances(ctx, input); err != nil {
		return nil, err
	}
	for _, id := range input.InstanceIds {
		c.instances.Delete(id)
""",
        ),
    ),
    added="""
// grantedConfig returns the configuration of a launch template with the one override that EC2 granted.
func grantedConfig(
	input *ec2.CreateFleetInput, granted ec2types.CreateFleetInstance,
) ec2types.FleetLaunchTemplateConfigRequest {
	wanted := granted.LaunchTemplateAndOverrides.Overrides
	for _, config := range input.LaunchTemplateConfigs {
		for _, override := range config.Overrides {
			if override.InstanceType == wanted.InstanceType &&
				lo.FromPtr(override.SubnetId) == lo.FromPtr(wanted.SubnetId) {
				config.Overrides = []ec2types.FleetLaunchTemplateOverridesRequest{override}
				return config
			}
		}
	}
	return input.LaunchTemplateConfigs[0]
}

// withReservations tells the lab's EC2 which reservation each launch template of a fleet targets: it has no templates.
func (c *Client) withReservations(input *ec2.CreateFleetInput) *ec2.CreateFleetInput {
	asked := *input
	var tags []ec2types.Tag
	for number, config := range input.LaunchTemplateConfigs {
		id := lo.FromPtr(config.LaunchTemplateSpecification.LaunchTemplateId)
		if raw, ok := c.launchTemplateNameToID.Load(
			lo.FromPtr(config.LaunchTemplateSpecification.LaunchTemplateName)); ok {
			id = raw.(string)
		}
		raw, ok := c.launchTemplates.Load(id)
		if !ok {
			continue
		}
		template := raw.(lo.Tuple2[*ec2types.LaunchTemplate, *ec2types.RequestLaunchTemplateData])
		if reservation := reservationOf(template.B); reservation != nil {
			key := fmt.Sprintf("lab.eks-gpu/reservation-%d", number)
			tags = append(tags, ec2types.Tag{Key: lo.ToPtr(key), Value: reservation})
		}
	}
	if len(tags) != 0 {
		fleet := ec2types.TagSpecification{ResourceType: ec2types.ResourceTypeFleet, Tags: tags}
		asked.TagSpecifications = append([]ec2types.TagSpecification{fleet}, input.TagSpecifications...)
	}
	return &asked
}

func reservationOf(template *ec2types.RequestLaunchTemplateData) *string {
	asked := template.CapacityReservationSpecification
	if asked == nil || asked.CapacityReservationTarget == nil {
		return nil
	}
	return asked.CapacityReservationTarget.CapacityReservationId
}

func reservedOnly(template *ec2types.RequestLaunchTemplateData) *ec2types.CapacityReservationSpecificationResponse {
	if reservationOf(template) == nil {
		return nil
	}
	return &ec2types.CapacityReservationSpecificationResponse{
		CapacityReservationPreference: ec2types.CapacityReservationPreferenceCapacityReservationsOnly,
	}
}
""",
)
"""Fleets ask the lab's EC2, so that quotas, outages, roles and policies count for them too; their machines register."""

_REPAIR = Patch(
    "main.go",
    changes=(
        # As Karpenter's own controller has it; the played one ends at once without it if it is to repair nodes.
        (
            """	clusterState := state.NewCluster(op.Clock, op.GetClient(), cloudProvider)
""",
            """	repairs := state.WithRepairPolicyMatcher(lo.Must(health.NewRepairPolicyMatcher(ctx, cloudProvider)))
	clusterState := state.NewCluster(op.Clock, op.GetClient(), cloudProvider, repairs)
""",
        ),
        (
            """	"sigs.k8s.io/karpenter/pkg/controllers/state"
""",
            """	"sigs.k8s.io/karpenter/pkg/controllers/node/health"
	"sigs.k8s.io/karpenter/pkg/controllers/state"
""",
        ),
    ),
)
"""The feature gate NodeRepair works."""
KARPENTER = Copied("github.com/aws/karpenter-provider-aws", "kwok", (_MACHINES, _REPAIR))

_CLUSTER = Patch(
    "node-termination-handler.go",
    changes=(
        # A pod finds its cluster by files at a fixed place; here the lab's kubeconfig says where it is.
        (
            "clusterConfig, err := rest.InClusterConfig()",
            """clusterConfig, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))""",
        ),
        ('"k8s.io/client-go/rest"', '"k8s.io/client-go/tools/clientcmd"'),
    ),
)
TERMINATION_HANDLER = Copied("github.com/aws/aws-node-termination-handler", "cmd", (_CLUSTER,))

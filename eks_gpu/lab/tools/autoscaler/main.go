// Cluster Autoscaler for AWS auto scaling groups, from its library: its own main package needs a module that is not
// to be had. One replica, so no leader election; no ProvisioningRequests. All its other flags are here.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"k8s.io/autoscaler/cluster-autoscaler/config"
	"k8s.io/autoscaler/cluster-autoscaler/config/flags"
	"k8s.io/autoscaler/cluster-autoscaler/core"
	"k8s.io/autoscaler/cluster-autoscaler/core/podlistprocessor"
	"k8s.io/autoscaler/cluster-autoscaler/core/scaleup/orchestrator"
	"k8s.io/autoscaler/cluster-autoscaler/debuggingsnapshot"
	"k8s.io/autoscaler/cluster-autoscaler/loop"
	"k8s.io/autoscaler/cluster-autoscaler/metrics"
	"k8s.io/autoscaler/cluster-autoscaler/processors"
	"k8s.io/autoscaler/cluster-autoscaler/processors/nodegroupset"
	"k8s.io/autoscaler/cluster-autoscaler/processors/nodeinfosprovider"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/clustersnapshot/predicate"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/clustersnapshot/store"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/drainability/rules"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/framework"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/options"
	"k8s.io/autoscaler/cluster-autoscaler/simulator/scheduling"
	"k8s.io/autoscaler/cluster-autoscaler/utils/kubernetes"
	"k8s.io/client-go/informers"
	"k8s.io/component-base/cli/flag"
	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/klog/v2"
)

func main() {
	klog.InitFlags(nil)
	flag.InitFlags()
	stopped, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(stopped, flags.AutoscalingOptions()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run scales until it is told to stop.
func run(stopped context.Context, wishes config.AutoscalingOptions) error {
	health := metrics.NewHealthCheck(wishes.MaxInactivityTime, wishes.MaxFailingTime)
	metrics.RegisterAll(wishes.EmitPerNodeGroupMetrics)
	metrics.InitMetrics()
	failed := make(chan error, 1)
	go func() { failed <- serve(wishes.Address, health) }()

	autoscaler, err := build(stopped, wishes)
	if err != nil {
		return err
	}
	if err := autoscaler.Start(); err != nil {
		return err
	}
	defer autoscaler.ExitCleanUp()

	health.StartMonitoring()
	for {
		select {
		case <-stopped.Done():
			return nil
		case err := <-failed:
			return err
		case <-time.After(wishes.ScanInterval):
			loop.RunAutoscalerOnce(autoscaler, health, time.Now())
		}
	}
}

// build makes an autoscaler whose caches are filled.
func build(stopped context.Context, wishes config.AutoscalingOptions) (core.Autoscaler, error) {
	client := kubernetes.CreateKubeClient(wishes.KubeClientOpts)
	cluster := informers.NewSharedInformerFactory(client, 0)
	scheduler, err := framework.NewHandle(cluster, wishes.SchedulerConfig, wishes.DynamicResourceAllocationEnabled)
	if err != nil {
		return nil, err
	}

	parts := processors.DefaultProcessors(wishes)
	parts.PodListProcessor = podlistprocessor.NewDefaultPodListProcessor(scheduling.ScheduleAnywhere)
	parts.TemplateNodeInfoProvider = nodeinfosprovider.NewAsgTagResourceNodeInfoProvider(
		&wishes.NodeInfoCacheExpireTime, wishes.ForceDaemonSets)
	parts.NodeGroupSetProcessor = &nodegroupset.BalancingNodeGroupSetProcessor{
		Comparator: nodegroupset.CreateAwsNodeInfoComparator(wishes.BalancingExtraIgnoredLabels, wishes.NodeGroupSetRatios),
	}

	deletions := options.NewNodeDeleteOptions(wishes)
	snapshot := store.NewDeltaSnapshotStore(wishes.ClusterSnapshotParallelism)
	autoscaler, err := core.NewAutoscaler(core.AutoscalerOptions{
		AutoscalingOptions:   wishes,
		KubeClient:           client,
		InformerFactory:      cluster,
		FrameworkHandle:      scheduler,
		ClusterSnapshot:      predicate.NewPredicateSnapshot(snapshot, scheduler, wishes.DynamicResourceAllocationEnabled),
		Processors:           parts,
		ScaleUpOrchestrator:  orchestrator.New(),
		DeleteOptions:        deletions,
		DrainabilityRules:    rules.Default(deletions),
		DebuggingSnapshotter: debuggingsnapshot.NewDebuggingSnapshotter(false),
	}, cluster)
	if err != nil {
		return nil, err
	}

	// After NewAutoscaler, which asks for informers of its own.
	cluster.Start(stopped.Done())
	for kind, filled := range cluster.WaitForCacheSync(stopped.Done()) {
		if !filled {
			return nil, fmt.Errorf("stopped before the cluster's objects of kind %s were read", kind)
		}
	}
	return autoscaler, nil
}

// serve answers /metrics and /health-check until it fails.
func serve(address string, health http.Handler) error {
	paths := http.NewServeMux()
	paths.Handle("/metrics", legacyregistry.Handler())
	paths.Handle("/health-check", health)
	return http.ListenAndServe(address, paths)
}

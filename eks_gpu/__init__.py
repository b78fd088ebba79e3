"""The tool: it runs a Pulumi program offline and reads pools, workloads, cost and checks from its resources."""

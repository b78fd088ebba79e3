"""The offline run of a Pulumi program, and what its resource graph says: pools, workloads, cost, checks."""

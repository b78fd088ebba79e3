"""The components as a Pulumi provider, through which TypeScript, Go, .NET, Java and YAML programs make them."""

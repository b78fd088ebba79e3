"""The commands of `eks-gpu`, one per file. A command imports what it needs when it runs, so that help is quick."""

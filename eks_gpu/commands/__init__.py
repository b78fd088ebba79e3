"""The commands of `eks-gpu`, one a file. What one needs is imported when it runs, so help and completion are quick."""

"""An inference service as settings and plain manifests."""

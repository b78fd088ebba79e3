"""The package of every language: the library's provider, as the engine starts it."""

from eks_gpu_components.provider.serve import serve

serve()

"""Starts the provider, as the engine does: prints a port, and answers there.

python -m eks_gpu_components.provider ENGINE_ADDRESS
"""

from .serve import serve

if __name__ == "__main__":
    serve()

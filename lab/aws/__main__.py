"""`python -m eks_gpu_lab.aws`: the moto process."""

from .moto_server import main

main()

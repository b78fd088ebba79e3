"""`python -m eks_gpu.lab.aws`: the moto process."""

from eks_gpu.lab.aws.moto_server import main

main()

"""Runs a program of this folder with the libraries of another: run.py <libraries> <program>. Nothing of the environment is needed."""
import runpy
import sys
from pathlib import Path

here = Path(__file__).parent
libraries, program = sys.argv[1:]
sys.path[0:0] = [libraries, str(here)]
runpy.run_path(str(here / program), run_name="__main__")

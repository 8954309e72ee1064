"""Reading back: what a server, or a folder of runs, holds, as objects of scripts."""

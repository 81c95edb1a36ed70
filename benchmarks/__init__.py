"""What Marketeer costs in time and memory: `python -m benchmarks`. One file for each question, one `run` in each."""

"""Long proofs of what the product promises: `python -m proofs [NAME ...]`."""

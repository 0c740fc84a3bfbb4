"""From matrix.yaml to cells and shards."""

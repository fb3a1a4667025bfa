"""What writes into a dataset: merge, removal, list files, the manifest, the lock."""

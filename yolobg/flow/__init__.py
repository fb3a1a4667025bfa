"""From a request to a dataset with more backgrounds: plan, choose, carry out."""

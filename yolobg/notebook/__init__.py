"""Progress in notebooks: whether this process is a notebook's kernel, and the bar that it shows there."""

"""What HTML is made of: templates whose texts cannot be broken out of, styles, charts."""

"""The catalog: an SQLite file made of the annotations, and what it is asked."""

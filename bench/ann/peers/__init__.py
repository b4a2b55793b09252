"""The peers, one engine a file: each a class with the methods of ann.peer."""

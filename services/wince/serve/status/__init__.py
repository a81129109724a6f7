"""What an operator must know of an installation, one file a subject: each gives rows, none waits long, none hides another."""

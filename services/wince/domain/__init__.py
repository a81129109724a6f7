"""What Wince knows about pain, patients and proof: pure, standard library and numpy only, no I/O, no clock."""

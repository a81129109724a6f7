"""Picture files that hold more than one picture: which are films, which have no time, which can't be read at all."""

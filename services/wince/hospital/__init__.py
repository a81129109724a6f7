"""Who lies where: what an ADT event means for the stays of an encounter (pure), and the listener that commits it."""

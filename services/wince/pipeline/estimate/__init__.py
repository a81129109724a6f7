"""Third stage: numbers for faces, with a mask of what was measured."""

"""What the EHR knows that outranks a face: self-reports, nurses' own scores, and medication under which a face can't move."""

"""HL7 v2 on the wire, free of meaning: MLLP framing, parsing, acknowledgements, typed views of segments."""

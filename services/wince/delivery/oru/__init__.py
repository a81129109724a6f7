"""Results for an HL7 v2 receiver, such as an interface engine: each entry one ORU^R01, over MLLP."""

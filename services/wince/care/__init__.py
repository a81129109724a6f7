"""What people decide: verdicts, pauses, patient states. Committed before it is answered, told to the other stages by a relay."""

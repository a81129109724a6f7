"""What people decide: answers of nurses to questions. The message types stand in wince.domain.assessment (Question, Verdict)."""

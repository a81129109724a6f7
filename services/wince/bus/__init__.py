"""What joins the stages: the port, topics, and its implementations."""

"""Grade: estimates become one assessment per window, alerts, and questions to a nurse."""

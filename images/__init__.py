"""Images of the services: one description for container engines and for a machine without one."""

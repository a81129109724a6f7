"""Documents, figures and PDF for whoever reports: assess, lab, console."""

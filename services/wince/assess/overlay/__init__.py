"""The input film with what was seen in it: the face's outline, the units, score, grade, alerts and reasons."""

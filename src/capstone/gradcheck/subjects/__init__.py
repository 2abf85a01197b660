"""What can be checked, behind one face."""

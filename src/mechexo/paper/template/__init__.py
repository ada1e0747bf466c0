"""What a paper desk is made of; copied as it is, never imported from a desk."""

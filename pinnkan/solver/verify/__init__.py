"""What is asked of a would-be verdict, whatever family it comes from."""
